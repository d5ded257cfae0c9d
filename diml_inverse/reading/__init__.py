"""Reads logs of any origin and checks them; every complaint names file, row and column."""
