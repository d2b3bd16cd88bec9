"""The board: services by environments, what runs there and how it is."""
