"""What travels between clients and the controller: structs and the route table.

One noun a module; each holds that noun's request and response structs and its
literal table ``ROUTES``.  Imports only ``core``, so the client library can use
it anywhere Python runs.
"""
