package logger

// TemplateMethods are the methods that tags of logs (`--log-opt tag=`) call of a container; see
// text/template's named_methods.go.
func (info *Info) TemplateMethods() map[string]any {
	return map[string]any{
		"Command":         info.Command,
		"ExtraAttributes": info.ExtraAttributes,
		"FullID":          info.FullID,
		"Hostname":        info.Hostname,
		"ID":              info.ID,
		"ImageFullID":     info.ImageFullID,
		"ImageID":         info.ImageID,
		"ImageName":       info.ImageName,
		"Name":            info.Name,
	}
}
