"""A made-up Greenroom, staged through the same services the pages use.

The past is played by calling each service with the ``at`` of its day, so the demo obeys every rule
the product has. The same seed on the same day makes the same data. Every person, programme,
practice and place here is invented; addresses end in ``example.org``, which belongs to nobody.
"""
