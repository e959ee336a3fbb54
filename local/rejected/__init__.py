"""`fraud rejected`: dead letters counted, shown, and sent again once their fault is mended."""
