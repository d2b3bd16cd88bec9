"""The checks of `devstream doctor`: a home, its node and this machine. Nothing is changed."""
