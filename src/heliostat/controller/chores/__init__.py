"""Background work of the controllers: looked for regularly, done as tasks that anyone can see."""
