"""Clouds that guests wake up in: what each writes into firmware tables and answers to requests.

Every cloud is a pure function from a request to a response (``answers``), a set of addresses
and the strings of its firmware; ``service.serving`` puts it on a private network.  They were
written from the clouds' own descriptions of their metadata services, as strict as those are:
a missing header is refused, a token is checked.
"""
