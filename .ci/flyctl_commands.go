// Reads every command of flyctl, with its flags, out of flyctl's source, and prints them as JSON: the table behind
// the linter's rules about `fly …` in scripts, documents and workflows. Only the standard library is needed:
//
//	go run .ci/flyctl_commands.go CHECKOUT 2026-08-21 ad0172face30 > hotops/lint/flyctl_commands.json
//
// with a checkout of superfly/flyctl, the date and the commit of it. What can't be read statically makes a command
// "open": its flags are then not judged. It says on stderr which those are.
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

const module = "github.com/superfly/flyctl/"

type command struct {
	Name       string          `json:"-"`
	Aliases    []string        `json:"aliases,omitempty"`
	Deprecated string          `json:"deprecated,omitempty"`
	Flags      map[string]bool `json:"flags"` // whether the flag takes a value
	Runs       bool            `json:"runs"`
	Args       *int            `json:"args,omitempty"` // most words that it takes
	Open       bool            `json:"open,omitempty"`
	subs       map[string]*command
}

type pkg struct {
	dir   string
	funcs map[string]*ast.FuncDecl
	vars  map[string]ast.Expr
	file  map[ast.Node]*ast.File
}

var (
	root     string
	packages = map[string]*pkg{}
	files    = token.NewFileSet()
)

func load(dir string) *pkg {
	if found, ok := packages[dir]; ok {
		return found
	}
	made := &pkg{dir, map[string]*ast.FuncDecl{}, map[string]ast.Expr{}, map[ast.Node]*ast.File{}}
	packages[dir] = made
	parsed, err := parser.ParseDir(files, filepath.Join(root, dir), func(info os.FileInfo) bool {
		return !strings.HasSuffix(info.Name(), "_test.go") && !strings.HasSuffix(info.Name(), "_windows.go")
	}, 0)
	if err != nil {
		return made
	}
	for _, each := range parsed {
		for _, file := range each.Files {
			for _, declared := range file.Decls {
				switch known := declared.(type) {
				case *ast.FuncDecl:
					if known.Recv == nil {
						made.funcs[known.Name.Name] = known
						made.file[known] = file
					}
				case *ast.GenDecl:
					for _, spec := range known.Specs {
						if value, ok := spec.(*ast.ValueSpec); ok {
							for i, name := range value.Names {
								if i < len(value.Values) {
									made.vars[name.Name] = value.Values[i]
									made.file[value.Values[i]] = file
								}
							}
						}
					}
				}
			}
		}
	}
	return made
}

// scope is a function's body while it is read: where its names lead.
type scope struct {
	pkg      *pkg
	file     *ast.File
	locals   map[string]ast.Expr
	commands map[string]*command
}

func (s *scope) imported(alias string) *pkg {
	for _, spec := range s.file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		if !strings.HasPrefix(path, module) {
			continue
		}
		name := filepath.Base(path)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == alias {
			return load(strings.TrimPrefix(path, module))
		}
	}
	return nil
}

func (s *scope) text(expr ast.Expr) (string, bool) {
	switch known := expr.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(known.Value)
		return text, err == nil
	case *ast.Ident:
		if local, ok := s.locals[known.Name]; ok && local != expr {
			return s.text(local)
		}
		if value, ok := s.pkg.vars[known.Name]; ok {
			return s.text(value)
		}
	case *ast.SelectorExpr:
		if alias, ok := known.X.(*ast.Ident); ok {
			if other := s.imported(alias.Name); other != nil {
				if value, ok := other.vars[known.Sel.Name]; ok {
					return (&scope{pkg: other, file: other.file[value]}).text(value)
				}
			}
		}
	case *ast.BinaryExpr:
		left, one := s.text(known.X)
		right, two := s.text(known.Y)
		return left + right, one && two
	}
	return "", false
}

// called is the function that an expression calls, with its package; nil for one outside of flyctl.
func (s *scope) called(call *ast.CallExpr) (*pkg, *ast.FuncDecl, string) {
	switch known := call.Fun.(type) {
	case *ast.Ident:
		return s.pkg, s.pkg.funcs[known.Name], known.Name
	case *ast.SelectorExpr:
		if alias, ok := known.X.(*ast.Ident); ok {
			if other := s.imported(alias.Name); other != nil {
				return other, other.funcs[known.Sel.Name], known.Sel.Name
			}
		}
		return nil, nil, known.Sel.Name
	}
	return nil, nil, ""
}

func (s *scope) add(cmd *command, flag ast.Expr) {
	switch known := flag.(type) {
	case *ast.CompositeLit:
		kind := typeName(known.Type)
		if kind == "Set" {
			for _, item := range known.Elts {
				s.add(cmd, item)
			}
			return
		}
		name, short, aliases, shortAliases, ok := "", "", []string{}, false, true
		for _, element := range known.Elts {
			pair, isPair := element.(*ast.KeyValueExpr)
			if !isPair {
				ok = false
				continue
			}
			switch pair.Key.(*ast.Ident).Name {
			case "Name":
				name, ok = s.text(pair.Value)
			case "Shorthand":
				short, _ = s.text(pair.Value)
			case "Aliases":
				aliases = s.texts(pair.Value)
			case "UseAliasShortHand":
				shortAliases = true
			}
		}
		if !ok || name == "" {
			s.giveUp(cmd, flag)
			return
		}
		takes := kind != "Bool"
		cmd.Flags["--"+name] = takes
		if short != "" {
			cmd.Flags["-"+short] = takes
		}
		for _, alias := range aliases {
			cmd.Flags["--"+alias] = takes
			if shortAliases {
				cmd.Flags["-"+alias[:1]] = takes
			}
		}
	case *ast.Ident:
		if local, ok := s.locals[known.Name]; ok {
			s.add(cmd, local)
		} else if value, ok := s.pkg.vars[known.Name]; ok {
			(&scope{pkg: s.pkg, file: s.pkg.file[value]}).add(cmd, value)
		} else {
			s.giveUp(cmd, flag)
		}
	case *ast.SelectorExpr:
		if alias, ok := known.X.(*ast.Ident); ok {
			if other := s.imported(alias.Name); other != nil {
				if value, ok := other.vars[known.Sel.Name]; ok {
					(&scope{pkg: other, file: other.file[value]}).add(cmd, value)
					return
				}
			}
		}
		s.giveUp(cmd, flag)
	case *ast.CallExpr:
		if name, ok := known.Fun.(*ast.Ident); ok && name.Name == "append" {
			for _, item := range known.Args {
				s.add(cmd, item)
			}
			return
		}
		home, function, _ := s.called(known)
		if function == nil {
			s.giveUp(cmd, flag)
			return
		}
		inner := s.enter(home, function, known.Args)
		found := false
		ast.Inspect(function.Body, func(node ast.Node) bool {
			if returned, ok := node.(*ast.ReturnStmt); ok && len(returned.Results) == 1 {
				inner.add(cmd, returned.Results[0])
				found = true
			}
			return true
		})
		if !found {
			s.giveUp(cmd, flag)
		}
	default:
		s.giveUp(cmd, flag)
	}
}

func (s *scope) enter(home *pkg, function *ast.FuncDecl, args []ast.Expr) *scope {
	inner := &scope{home, home.file[function], map[string]ast.Expr{}, map[string]*command{}}
	at := 0
	for _, field := range function.Type.Params.List {
		for _, name := range field.Names {
			if at < len(args) {
				if text, ok := s.text(args[at]); ok {
					inner.locals[name.Name] = &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(text)}
				}
				if cmd := s.commandOf(args[at]); cmd != nil {
					inner.commands[name.Name] = cmd
				}
			}
			at++
		}
	}
	return inner
}

func (s *scope) giveUp(cmd *command, node ast.Node) {
	cmd.Open = true
	fmt.Fprintf(os.Stderr, "open: %s at %s\n", cmd.Name, files.Position(node.Pos()))
}

func (s *scope) texts(expr ast.Expr) []string {
	found := []string{}
	if list, ok := expr.(*ast.CompositeLit); ok {
		for _, item := range list.Elts {
			if text, ok := s.text(item); ok {
				found = append(found, text)
			}
		}
	}
	return found
}

func typeName(expr ast.Expr) string {
	switch known := expr.(type) {
	case *ast.SelectorExpr:
		return known.Sel.Name
	case *ast.Ident:
		return known.Name
	}
	return ""
}

// commandOf is the command that an expression stands for, where it is a known variable or makes one.
func (s *scope) commandOf(expr ast.Expr) *command {
	switch known := expr.(type) {
	case *ast.Ident:
		return s.commands[known.Name]
	case *ast.SelectorExpr: // cmd.Command
		if base, ok := known.X.(*ast.Ident); ok && known.Sel.Name == "Command" {
			return s.commands[base.Name]
		}
		if call, ok := known.X.(*ast.CallExpr); ok && known.Sel.Name == "Command" {
			return s.made(call)
		}
	case *ast.CallExpr:
		return s.made(known)
	case *ast.UnaryExpr:
		return s.commandOf(known.X)
	case *ast.CompositeLit:
		if typeName(known.Type) != "Command" {
			return nil
		}
		cmd := &command{Flags: map[string]bool{}, subs: map[string]*command{}}
		for _, element := range known.Elts {
			if pair, ok := element.(*ast.KeyValueExpr); ok {
				s.set(cmd, pair.Key.(*ast.Ident).Name, pair.Value)
			}
		}
		return cmd
	}
	return nil
}

func (s *scope) set(cmd *command, field string, value ast.Expr) {
	switch field {
	case "Use":
		usage, _ := s.text(value)
		cmd.Name = strings.Fields(usage + " ?")[0]
	case "Aliases":
		cmd.Aliases = s.texts(value)
	case "Deprecated":
		cmd.Deprecated, _ = s.text(value)
	case "RunE", "Run":
		cmd.Runs = true
	case "Args":
		if most, ok := mostWords(value); ok {
			cmd.Args = &most
		}
	case "DisableFlagParsing":
		cmd.Open = true
	}
}

// mostWords is the limit that cobra.NoArgs, ExactArgs(n), MaximumNArgs(n) and RangeArgs(m, n) set.
func mostWords(value ast.Expr) (int, bool) {
	if selector, ok := value.(*ast.SelectorExpr); ok && selector.Sel.Name == "NoArgs" {
		return 0, true
	}
	call, ok := value.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return 0, false
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !strings.Contains("ExactArgs MaximumNArgs RangeArgs", selector.Sel.Name) {
		return 0, false
	}
	number, ok := call.Args[len(call.Args)-1].(*ast.BasicLit)
	if !ok {
		return 0, false
	}
	most, err := strconv.Atoi(number.Value)
	return most, err == nil
}

func (s *scope) made(call *ast.CallExpr) *command {
	home, function, name := s.called(call)
	if name == "group" && len(call.Args) > 0 {
		return s.commandOf(call.Args[0])
	}
	if name == "New" && home != nil && home.dir == "internal/command" {
		cmd := &command{Flags: map[string]bool{}, subs: map[string]*command{}}
		usage, ok := s.text(call.Args[0])
		if !ok {
			usage = "flyctl"
		}
		cmd.Name = strings.Fields(usage)[0]
		if short, _ := s.text(call.Args[1]); strings.HasPrefix(short, "V1 APPS ONLY:") {
			cmd.Deprecated = "it is for V1 apps only, which are no more"
		}
		if runner, isName := call.Args[3].(*ast.Ident); !isName || runner.Name != "nil" {
			cmd.Runs = true
		}
		return cmd
	}
	if function == nil || function.Body == nil || function.Type.Results == nil {
		return nil
	}
	if typeOf := function.Type.Results.List[0].Type; !strings.Contains(typeText(typeOf), "Command") {
		return nil
	}
	return s.enter(home, function, call.Args).read(function)
}

func typeText(expr ast.Expr) string {
	if star, ok := expr.(*ast.StarExpr); ok {
		return typeName(star.X)
	}
	return typeName(expr)
}

// read carries a function's statements out, as far as they make a command, and gives what it returns.
func (s *scope) read(function *ast.FuncDecl) *command {
	var result *command
	named := ""
	if results := function.Type.Results; results != nil && len(results.List[0].Names) > 0 {
		named = results.List[0].Names[0].Name
	}
	ast.Inspect(function.Body, func(node ast.Node) bool {
		switch known := node.(type) {
		case *ast.FuncLit:
			return false
		case *ast.DeclStmt:
			if general, ok := known.Decl.(*ast.GenDecl); ok {
				for _, spec := range general.Specs {
					if value, ok := spec.(*ast.ValueSpec); ok {
						for i, name := range value.Names {
							if i < len(value.Values) {
								s.locals[name.Name] = value.Values[i]
							}
						}
					}
				}
			}
		case *ast.AssignStmt:
			for i, left := range known.Lhs {
				if i >= len(known.Rhs) {
					break
				}
				s.assign(left, known.Rhs[i])
			}
		case *ast.RangeStmt:
			if s.addEach(known) {
				return false
			}
		case *ast.ExprStmt:
			if call, ok := known.X.(*ast.CallExpr); ok {
				s.call(call)
			}
		case *ast.ReturnStmt:
			if len(known.Results) > 0 {
				if cmd := s.commandOf(known.Results[0]); cmd != nil {
					result = cmd
				}
			} else if named != "" {
				result = s.commands[named]
			}
		}
		return true
	})
	return result
}

// addEach reads a loop over functions that each make a command to be added.
func (s *scope) addEach(loop *ast.RangeStmt) bool {
	list, ok := loop.X.(*ast.Ident)
	if !ok {
		return false
	}
	made, ok := s.locals[list.Name].(*ast.CompositeLit)
	if !ok {
		return false
	}
	var parent *command
	ast.Inspect(loop.Body, func(node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok {
			if selector, ok := call.Fun.(*ast.SelectorExpr); ok && selector.Sel.Name == "AddCommand" {
				parent = s.commandOf(selector.X)
			}
		}
		return true
	})
	if parent == nil {
		return false
	}
	for _, item := range made.Elts {
		if sub := s.made(&ast.CallExpr{Fun: item}); sub != nil {
			parent.subs[sub.Name] = sub
		} else {
			s.giveUp(parent, item)
		}
	}
	return true
}

func (s *scope) assign(left, right ast.Expr) {
	switch target := left.(type) {
	case *ast.Ident:
		if cmd := s.commandOf(right); cmd != nil {
			s.commands[target.Name] = cmd
		} else if _, isCall := right.(*ast.CallExpr); !isCall || isAppend(right) {
			if _, ok := s.locals[target.Name]; !ok {
				s.locals[target.Name] = right
			}
		}
	case *ast.SelectorExpr:
		base, ok := target.X.(*ast.Ident)
		if !ok {
			return
		}
		if target.Sel.Name == "Command" {
			if cmd := s.commandOf(right); cmd != nil {
				s.commands[base.Name] = cmd
			}
			return
		}
		if cmd := s.commands[base.Name]; cmd != nil {
			s.set(cmd, target.Sel.Name, right)
		}
	}
}

func isAppend(expr ast.Expr) bool {
	call, ok := expr.(*ast.CallExpr)
	if !ok {
		return false
	}
	name, ok := call.Fun.(*ast.Ident)
	return ok && name.Name == "append"
}

func (s *scope) call(call *ast.CallExpr) {
	if selector, ok := call.Fun.(*ast.SelectorExpr); ok && selector.Sel.Name == "AddCommand" {
		parent := s.commandOf(selector.X)
		if parent == nil {
			return
		}
		for _, arg := range call.Args {
			if sub := s.commandOf(arg); sub != nil {
				parent.subs[sub.Name] = sub
			} else {
				s.giveUp(parent, arg)
			}
		}
		return
	}
	home, function, name := s.called(call)
	if name == "Add" && home != nil && home.dir == "internal/flag" {
		cmd := s.commandOf(call.Args[0])
		if cmd == nil {
			fmt.Fprintf(os.Stderr, "no command for flags at %s\n", files.Position(call.Pos()))
			return
		}
		for _, flag := range call.Args[1:] {
			s.add(cmd, flag)
		}
		return
	}
	if function != nil && function.Body != nil && len(call.Args) > 0 {
		for _, arg := range call.Args {
			if s.commandOf(arg) != nil {
				s.enter(home, function, call.Args).read(function)
				return
			}
		}
	}
}

func walk(cmd *command, path string, into map[string]*command) {
	for name, sub := range cmd.subs {
		full := strings.TrimSpace(path + " " + name)
		sort.Strings(sub.Aliases)
		into[full] = sub
		walk(sub, full, into)
	}
}

func main() {
	root = os.Args[1]
	home := load("internal/command/root")
	function := home.funcs["New"]
	found := map[string]*command{}
	walk((&scope{home, home.file[function], map[string]ast.Expr{}, map[string]*command{}}).read(function), "", found)
	names := []string{}
	for name := range found {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Printf("{\n  \"as_of\": %q,\n", os.Args[2])
	fmt.Printf("  \"source\": %q,\n", "superfly/flyctl "+os.Args[3]+", internal/command (.ci/flyctl_commands.go)")
	fmt.Println(`  "about": "Every command with its flags; true: it takes a value. An open command's flags are not judged.",`)
	fmt.Println(`  "global": {"--access-token": true, "-t": true, "--verbose": false, "--debug": false, "--help": false, "-h": false},`)
	fmt.Println(`  "commands": {`)
	for i, name := range names {
		line, err := json.Marshal(found[name])
		if err != nil {
			panic(err)
		}
		end := ","
		if i == len(names)-1 {
			end = ""
		}
		fmt.Printf("    %q: %s%s\n", name, strings.ReplaceAll(string(line), `\u003c`, "<"), end)
	}
	fmt.Println("  }\n}")
}
