"""The ontology's schema as data: `attributes.csv` and what is made from it."""
