"""What carries a system: a disk image, an appliance or box around one, a container image.

Images may come from anybody.  So nothing is mounted and nothing of them is run; a disk's
format is taken from its own header and only formats of a single file are read, so that no
image names another file of this machine; what is unpacked is measured before and bounded;
and no name in an image leads out of the folder that it is unpacked into.  Every refusal is
``NotASystem`` with the reason.
"""
