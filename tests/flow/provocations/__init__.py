"""How to come by each problem of the catalogue: a real job on real servers, in files like those of the catalogue."""
