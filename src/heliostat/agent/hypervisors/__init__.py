"""What runs guests: one package or file a hypervisor, one contract, one conformance suite."""
