"""A site of somebody else's that installs the package and imports baseball's records since 1871."""
