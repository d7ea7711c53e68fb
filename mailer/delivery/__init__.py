"""The engine: one delivery, one direction.

schedule → claim → compose → gate → transport → outcome → ledger → events, with the journal on either side of the
hand-over. `engine.py` wires them together.
"""
