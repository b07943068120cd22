"""What a system is made of: where each file comes from, what differs, bills of materials.

Everything is read from RPM's database in the tree; a tree folder, a package of an image
file, or a running system's root are all the same to it.
"""
