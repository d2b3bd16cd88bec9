"""One module or package for each service that facts come from."""
