"""What a site declares (specs), and the mapping that is compiled from it and a source's columns."""
