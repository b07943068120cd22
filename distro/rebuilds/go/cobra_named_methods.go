package cobra

// TemplateMethods are the methods that templates of help and usage call of a command; see
// text/template's named_methods.go.
func (c *Command) TemplateMethods() map[string]any {
	return map[string]any{
		"AllChildCommandsHaveGroup":    c.AllChildCommandsHaveGroup,
		"CommandPath":                  c.CommandPath,
		"CommandPathPadding":           c.CommandPathPadding,
		"Commands":                     c.Commands,
		"Groups":                       c.Groups,
		"HasAvailableFlags":            c.HasAvailableFlags,
		"HasAvailableInheritedFlags":   c.HasAvailableInheritedFlags,
		"HasAvailableLocalFlags":       c.HasAvailableLocalFlags,
		"HasAvailableSubCommands":      c.HasAvailableSubCommands,
		"HasExample":                   c.HasExample,
		"HasHelpSubCommands":           c.HasHelpSubCommands,
		"HasSubCommands":               c.HasSubCommands,
		"InheritedFlags":               c.InheritedFlags,
		"IsAdditionalHelpTopicCommand": c.IsAdditionalHelpTopicCommand,
		"IsAvailableCommand":           c.IsAvailableCommand,
		"LocalFlags":                   c.LocalFlags,
		"Name":                         c.Name,
		"NameAndAliases":               c.NameAndAliases,
		"NamePadding":                  c.NamePadding,
		"Runnable":                     c.Runnable,
		"UsageString":                  c.UsageString,
		"UseLine":                      c.UseLine,
	}
}
