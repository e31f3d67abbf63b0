"""Networks pretrained elsewhere: ``catalogue`` lists them, ``base`` is their contract."""
