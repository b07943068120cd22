package pflag

// TemplateMethods are the methods that templates of usage call of options; see text/template's
// named_methods.go.
func (f *FlagSet) TemplateMethods() map[string]any {
	return map[string]any{"FlagUsages": f.FlagUsages}
}
