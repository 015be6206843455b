// Evaluates a Gatekeeper ConstraintTemplate as Gatekeeper 3.23.0 does, with recorded answers of the
// external data provider: `opa document.json` prints what each evaluation told.
//
// The evaluator, the rewriting of packages, the HTTP client, the response cache and what Rego gets
// to see of an answer are Gatekeeper's own packages. The order in which they are called is that of
// Gatekeeper's Rego driver, which itself is left out because it brings half of Kubernetes along.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/open-policy-agent/frameworks/constraint/pkg/apis/externaldata/unversioned"
	"github.com/open-policy-agent/frameworks/constraint/pkg/externaldata"
	"github.com/open-policy-agent/frameworks/constraint/pkg/regorewriter"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/types"
	"github.com/open-policy-agent/opa/v1/util"
)

// What is asked.
type document struct {
	Template     string       `json:"template"`     // the text of the ConstraintTemplate, YAML
	CacheSeconds int          `json:"cacheSeconds"` // how long answers are kept between evaluations
	Evaluations  []evaluation `json:"evaluations"`
}

type evaluation struct {
	Review     any            `json:"review"`
	Parameters map[string]any `json:"parameters"`
	Answer     answer         `json:"answer"`
}

// What the provider answers, or how it fails: `undefined` (the builtin itself), `no provider` (no
// such object), `closed` (the connection, without a word), `truncated` (in the middle of the body).
type answer struct {
	Status  int    `json:"status"`
	Body    string `json:"body"`
	Failure string `json:"failure"`
}

// What is told of each evaluation.
type result struct {
	Violations []string   `json:"violations"` // sorted messages; Gatekeeper denies if there is one
	Error      string     `json:"error"`      // of the evaluation; Gatekeeper makes it a violation
	Asked      [][]string `json:"asked"`      // the keys of each call of external_data
	Sent       [][]string `json:"sent"`       // the keys of each request that reached the provider
}

var externalData = &rego.Function{
	Name:    "external_data",
	Decl:    types.NewFunction(types.Args(types.A), types.A),
	Memoize: true,
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return errors.New("expected one argument: the file with what is asked, JSON")
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		return err
	}
	compiler, err := compile(doc.Template)
	if err != nil {
		return err
	}
	provider := newProvider()
	if ttl := time.Duration(doc.CacheSeconds) * time.Second; ttl > 0 {
		provider.cache = externaldata.NewProviderResponseCache(context.Background(), ttl)
	}
	results := make([]result, 0, len(doc.Evaluations))
	for _, one := range doc.Evaluations {
		results = append(results, provider.evaluate(compiler, one))
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

// compile does what Gatekeeper does with a template that names no version of Rego: version 0.
func compile(text string) (*ast.Compiler, error) {
	var template struct {
		Spec struct {
			Targets []struct {
				Rego string   `json:"rego"`
				Libs []string `json:"libs"`
			} `json:"targets"`
		} `json:"spec"`
	}
	if err := util.Unmarshal([]byte(text), &template); err != nil {
		return nil, err
	}
	if len(template.Spec.Targets) != 1 || template.Spec.Targets[0].Rego == "" {
		return nil, errors.New("expected one target with `rego`")
	}
	target := template.Spec.Targets[0]
	rewriter, err := regorewriter.New(regorewriter.NewPackagePrefixer("libs"), []string{"data.lib"}, []string{"data.inventory"})
	if err != nil {
		return nil, err
	}
	options := ast.ParserOptions{RegoVersion: ast.RegoV0}
	entry, err := ast.ParseModuleWithOpts("template", target.Rego, options)
	if err != nil {
		return nil, err
	}
	entry.Package.Path = ast.MustParseRef("data.template")
	rewriter.AddEntryPointModule("template", entry)
	for i, lib := range target.Libs {
		name := fmt.Sprintf("libs[\"lib_%d\"]", i)
		module, err := ast.ParseModuleWithOpts(name, lib, options)
		if err != nil {
			return nil, err
		}
		if err := rewriter.AddLib(name, module); err != nil {
			return nil, err
		}
	}
	sources, err := rewriter.Rewrite()
	if err != nil {
		return nil, err
	}
	modules := map[string]*ast.Module{}
	for i, module := range append(sources.EntryPoints, sources.Libs...) {
		modules[fmt.Sprintf("template%d", i)] = module.Module
	}
	compiler := ast.NewCompiler().WithCapabilities(capabilities())
	if compiler.Compile(modules); compiler.Failed() {
		return nil, compiler.Errors
	}
	return compiler, nil
}

// capabilities are OPA's without http.send, which Gatekeeper's chart disables, and with external_data.
func capabilities() *ast.Capabilities {
	all := ast.CapabilitiesForThisVersion()
	kept := []*ast.Builtin{{Name: externalData.Name, Decl: externalData.Decl}}
	for _, builtin := range all.Builtins {
		if builtin.Name != "http.send" {
			kept = append(kept, builtin)
		}
	}
	all.Builtins = kept
	return all
}

// A provider of external data on loopback, and Gatekeeper's side of it.
type provider struct {
	object  unversioned.Provider
	cache   *externaldata.ProviderResponseCache
	current evaluation
	told    result
}

func newProvider() *provider {
	p := &provider{}
	server := httptest.NewUnstartedServer(p)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	p.object.Name = "ratify-provider"
	p.object.Spec.URL = server.URL
	p.object.Spec.Timeout = 5
	p.object.Spec.CABundle = base64.StdEncoding.EncodeToString(ca)
	rego.RegisterBuiltin1(externalData, p.externalData)
	return p
}

// ServeHTTP answers as recorded. It runs while `evaluate` waits for it.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request externaldata.ProviderRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		panic(err)
	}
	p.told.Sent = append(p.told.Sent, request.Request.Keys)
	answer := p.current.Answer
	switch answer.Failure {
	case "closed":
		panic(http.ErrAbortHandler)
	case "truncated":
		w.Header().Set("Content-Length", strconv.Itoa(len(answer.Body)+1))
	}
	w.WriteHeader(answer.Status)
	_, _ = io.WriteString(w, answer.Body)
}

func (p *provider) evaluate(compiler *ast.Compiler, one evaluation) result {
	p.current = one
	p.told = result{Violations: []string{}, Asked: [][]string{}, Sent: [][]string{}}
	parameters := one.Parameters
	if parameters == nil {
		parameters = map[string]any{}
	}
	rows, err := rego.New(
		rego.Compiler(compiler),
		rego.Input(map[string]any{"review": one.Review, "parameters": parameters}),
		rego.Query("data.template.violation[r]; msg := r.msg"),
		rego.SetRegoVersion(ast.RegoV0),
	).Eval(context.Background())
	if err != nil {
		p.told.Error = err.Error()
	}
	for _, row := range rows {
		p.told.Violations = append(p.told.Violations, fmt.Sprint(row.Bindings["msg"]))
	}
	slices.Sort(p.told.Violations)
	return p.told
}

// externalData is the builtin. As in Gatekeeper, only what is not in the cache is asked for, and a
// failure to ask is an answer with `system_error`.
func (p *provider) externalData(bctx rego.BuiltinContext, term *ast.Term) (*ast.Term, error) {
	var request externaldata.RegoRequest
	if err := ast.As(term.Value, &request); err != nil {
		return nil, err
	}
	p.told.Asked = append(p.told.Asked, request.Keys)
	if p.current.Answer.Failure == "undefined" {
		return nil, errors.New("recorded as undefined")
	}
	var whole externaldata.ProviderResponse
	var ask []string
	for _, key := range request.Keys {
		if item, ok := p.remembered(request.ProviderName, key); ok {
			whole.Response.Items = append(whole.Response.Items, item)
		} else {
			ask = append(ask, key)
		}
	}
	status := 0
	if len(ask) > 0 {
		if p.current.Answer.Failure == "no provider" || request.ProviderName != p.object.Name {
			_, err := externaldata.NewCache().Get(request.ProviderName)
			return externaldata.HandleError(http.StatusBadRequest, err)
		}
		response, code, err := externaldata.DefaultSendRequestToProvider(bctx.Context, &p.object, ask, nil)
		if err != nil {
			return externaldata.HandleError(code, err)
		}
		p.remember(request.ProviderName, response.Response.Items)
		whole.Response.Items = append(whole.Response.Items, response.Response.Items...)
		whole.Response.SystemError = response.Response.SystemError
		status = code
	}
	return externaldata.PrepareRegoResponse(externaldata.NewRegoResponse(status, &whole))
}

func (p *provider) remembered(name, key string) (externaldata.Item, bool) {
	if p.cache == nil {
		return externaldata.Item{}, false
	}
	found, err := p.cache.Get(externaldata.CacheKey{ProviderName: name, Key: key})
	if err != nil || time.Since(time.Unix(found.Received, 0)) > p.cache.TTL {
		return externaldata.Item{}, false
	}
	return externaldata.Item{Key: key, Value: found.Value, Error: found.Error}, true
}

func (p *provider) remember(name string, items []externaldata.Item) {
	if p.cache == nil {
		return
	}
	for _, item := range items {
		p.cache.Upsert(
			externaldata.CacheKey{ProviderName: name, Key: item.Key},
			externaldata.CacheValue{Received: time.Now().Unix(), Value: item.Value, Error: item.Error},
		)
	}
}
