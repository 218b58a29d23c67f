"""Other relays with the same load, and sluice on the same kind of port."""
