package reflect2

import "reflect"

// MethodByName is there so that it isn't taken over from the embedded reflect.Type: of that one
// the linker must think that it finds any method by name.  Nothing looks for methods through
// these types; they hand out the reflect.Type for it.
func (r safeType) MethodByName(name string) (reflect.Method, bool) {
	panic("reflect2: methods are looked up by Type1(): " + name)
}
