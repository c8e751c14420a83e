// Renders a chart as Helm does, for machines without Helm: Go's own templates with those of Helm's functions that our chart uses.
// What the chart uses beyond these is an error here. Usage: helm_stand_in CHART RELEASE NAMESPACE, with the values as JSON on the
// standard input.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"
)

// Block style, keys sorted, as Helm's toYaml writes.
func toYaml(value any) string {
	var out strings.Builder
	write(&out, value, 0)
	return strings.TrimSuffix(out.String(), "\n")
}

func write(out *strings.Builder, value any, indent int) {
	space := strings.Repeat(" ", indent)
	switch node := value.(type) {
	case map[string]any:
		if len(node) == 0 {
			out.WriteString(space + "{}\n")
		}
		keys := []string{}
		for key := range node {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		for _, key := range keys {
			out.WriteString(space + scalar(key) + ":")
			child(out, node[key], indent)
		}
	case []any:
		if len(node) == 0 {
			out.WriteString(space + "[]\n")
		}
		for _, one := range node {
			var item strings.Builder
			write(&item, one, indent+2)
			out.WriteString(space + "- " + strings.TrimPrefix(item.String(), space+"  "))
		}
	default:
		out.WriteString(space + scalar(node) + "\n")
	}
}

func child(out *strings.Builder, value any, indent int) {
	switch node := value.(type) {
	case map[string]any:
		if len(node) > 0 {
			out.WriteString("\n")
			write(out, node, indent+2)
			return
		}
		out.WriteString(" {}\n")
	case []any:
		if len(node) > 0 {
			out.WriteString("\n")
			write(out, node, indent)
			return
		}
		out.WriteString(" []\n")
	default:
		out.WriteString(" " + scalar(node) + "\n")
	}
}

// A text that could be read as anything else is quoted.
func scalar(value any) string {
	text, isText := value.(string)
	if !isText {
		made, _ := json.Marshal(value)
		return string(made)
	}
	plain := text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_./-0123456789:") == "" &&
		strings.ContainsAny(text[:1], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/_") && !strings.Contains(text, ": ") &&
		!strings.HasSuffix(text, ":")
	for _, word := range []string{"true", "false", "yes", "no", "on", "off", "null", "y", "n"} {
		plain = plain && strings.ToLower(text) != word
	}
	if plain {
		return text
	}
	made, _ := json.Marshal(text)
	return string(made)
}

func indented(count int, text string) string {
	space := strings.Repeat(" ", count)
	return space + strings.ReplaceAll(text, "\n", "\n"+space)
}

func orElse(other, value any) any {
	if value == nil || value == "" {
		return other
	}
	return value
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	var given map[string]any
	decoder := json.NewDecoder(os.Stdin)
	decoder.UseNumber()
	fail(decoder.Decode(&given))
	data := map[string]any{"Values": given["Values"], "Chart": given["Chart"],
		"Release": map[string]any{"Name": os.Args[2], "Namespace": os.Args[3]}}
	files, err := filepath.Glob(filepath.Join(os.Args[1], "templates", "*.yaml"))
	fail(err)
	sort.Strings(files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		fail(err)
		made := template.New(filepath.Base(file)).Option("missingkey=error").Funcs(template.FuncMap{
			"toYaml":  toYaml,
			"nindent": func(count int, text string) string { return "\n" + indented(count, text) },
			"default": orElse,
		})
		_, err = made.Parse(string(text))
		fail(err)
		var out bytes.Buffer
		fail(made.Execute(&out, data))
		fmt.Printf("---\n%s\n", strings.TrimSpace(out.String()))
	}
}
