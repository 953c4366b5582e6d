"""Training: the network, its input pipeline and its export."""
