"""What speaks HTTP: server, request pipeline, routes, faults, control endpoints, and the recording proxy."""
