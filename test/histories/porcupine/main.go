// Judges histories that historyToJson of vivarium/testing wrote, with Porcupine:
//
//	porcupine [-model znode|register] [-limit 30s] FILE...
//	porcupine [-model znode|register] [-limit 30s] < LINES
//
// A file is one history; without files, every line of the input is one, as a JSON array of its operations. Prints one
// line for each, in their order: linearizable, violated or undecided. Ends with 0 whatever they are.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"
)

// operation is one line of a history, as lib/testing/history.ts defines it.
type operation struct {
	Process  string          `json:"process"`
	Key      string          `json:"key"`
	Input    json.RawMessage `json:"input"`
	Outcome  string          `json:"outcome"`
	Output   json.RawMessage `json:"output"`
	Invoked  int64           `json:"invoked"`
	Returned *int64          `json:"returned"`
}

// answer is what an operation gave; known is false when nobody knows.
type answer struct {
	known bool
	value interface{}
}

// spec is a model, with the types of its inputs and outputs.
type spec struct {
	model  porcupine.Model
	input  func(json.RawMessage) (interface{}, error)
	output func(json.RawMessage) (interface{}, error)
}

// read takes a history apart: by key, without what failed. What has no known end ends after everything.
func (s spec) read(operations []operation) (map[string][]porcupine.Operation, error) {
	keys := map[string][]porcupine.Operation{}
	clients := map[string]int{}
	for _, each := range operations {
		if each.Outcome == "failed" {
			continue
		}
		input, err := s.input(each.Input)
		if err != nil {
			return nil, err
		}
		end, given := int64(math.MaxInt64), answer{}
		if each.Outcome == "ok" {
			if each.Returned == nil {
				return nil, fmt.Errorf("an operation of %s is ok and has no end", each.Process)
			}
			value, err := s.output(each.Output)
			if err != nil {
				return nil, err
			}
			end, given = *each.Returned, answer{known: true, value: value}
		}
		if _, found := clients[each.Process]; !found {
			clients[each.Process] = len(clients)
		}
		keys[each.Key] = append(keys[each.Key], porcupine.Operation{
			ClientId: clients[each.Process], Input: input, Call: each.Invoked, Output: given, Return: end,
		})
	}
	return keys, nil
}

// judge gives the verdict on a history.
func (s spec) judge(operations []operation, limit time.Duration) (string, error) {
	keys, err := s.read(operations)
	if err != nil {
		return "", err
	}
	names := make([]string, 0, len(keys))
	for key := range keys {
		names = append(names, key)
	}
	sort.Strings(names)
	verdict := "linearizable"
	for _, key := range names {
		switch porcupine.CheckOperationsTimeout(s.model, keys[key], limit) {
		case porcupine.Illegal:
			return "violated", nil
		case porcupine.Unknown:
			verdict = "undecided"
		}
	}
	return verdict, nil
}

// lines reads a history from a file: one operation a line.
func lines(name string) ([]operation, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var operations []operation
	decoder := json.NewDecoder(bytes.NewReader(data))
	for {
		var next operation
		err := decoder.Decode(&next)
		if err == io.EOF {
			return operations, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		operations = append(operations, next)
	}
}

func run(s spec, files []string, limit time.Duration) error {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	tell := func(operations []operation) error {
		verdict, err := s.judge(operations, limit)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(out, verdict)
		return err
	}
	for _, name := range files {
		operations, err := lines(name)
		if err != nil {
			return err
		}
		if err := tell(operations); err != nil {
			return err
		}
	}
	if len(files) > 0 {
		return nil
	}
	decoder := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var operations []operation
		err := decoder.Decode(&operations)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := tell(operations); err != nil {
			return err
		}
	}
}

func main() {
	name := flag.String("model", "znode", "what the histories are of: znode or register")
	limit := flag.Duration("limit", 30*time.Second, "time for each key of a history")
	flag.Parse()
	specs := map[string]spec{"znode": znode(), "register": register()}
	chosen, found := specs[*name]
	if !found {
		fmt.Fprintf(os.Stderr, "no model %s\n", *name)
		os.Exit(2)
	}
	if err := run(chosen, flag.Args(), *limit); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
