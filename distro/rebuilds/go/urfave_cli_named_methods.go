package cli

// What the templates of help call; see text/template's named_methods.go.

// TemplateMethods are the methods that help calls of a program.
func (a *App) TemplateMethods() map[string]any {
	return map[string]any{
		"VisibleCategories": a.VisibleCategories,
		"VisibleCommands":   a.VisibleCommands,
		"VisibleFlags":      a.VisibleFlags,
	}
}

// TemplateMethods are the methods that help calls of a command.
func (c Command) TemplateMethods() map[string]any {
	return map[string]any{"Names": c.Names, "VisibleFlags": c.VisibleFlags}
}

// TemplateMethods are the methods that help calls of a group of commands.
func (c *CommandCategory) TemplateMethods() map[string]any {
	return map[string]any{"VisibleCommands": c.VisibleCommands}
}
