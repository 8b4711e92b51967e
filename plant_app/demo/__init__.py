"""The demo plant: Kolbe Hydraulics, two sites, made from plain data and a seed. Nothing in the product imports this."""
