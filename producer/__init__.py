"""Believable card traffic: the Handbook world, its richer layer, attacks, and labels that arrive late."""
