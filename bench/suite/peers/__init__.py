"""Other relays under the same load, and sluice on the same kind of port as they have."""
