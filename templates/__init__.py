"""Templates only; a package so that they ship."""
