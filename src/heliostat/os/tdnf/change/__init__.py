"""From wishes to a changed system: jobs, solver, plan, downloads, rpm, history."""
