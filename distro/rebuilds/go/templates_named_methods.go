package template

import "reflect"

// namedMethod is the method that a value offers to templates under that name, or no value.
//
// It takes the place of reflect's MethodByName.  With that one in the program Go's linker keeps
// every exported method of every type, for a template may name any: a fifth of dockerd.  Types
// that templates do call methods of say which, by TemplateMethods.
func namedMethod(of reflect.Value, name string) reflect.Value {
	if !of.CanInterface() {
		return reflect.Value{}
	}
	if offers, ok := of.Interface().(interface{ TemplateMethods() map[string]any }); ok {
		return reflect.ValueOf(offers.TemplateMethods()[name])
	}
	return reflect.Value{}
}
