"""A foreign site that installs the package and imports baseball's records since 1871."""
