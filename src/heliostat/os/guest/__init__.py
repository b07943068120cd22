"""Images looked at as running machines: QEMU starts them, a shell answers from inside.

``try_image(path, wish, monitor)`` boots an image and judges it by the gates that a tree
can't be judged by; ``insider`` and ``qemu`` are what that, and the tests of images, stand on.
"""
