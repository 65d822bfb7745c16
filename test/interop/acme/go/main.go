// The life of a certificate by golang.org/x/crypto/acme: obtained, renewed, revoked; then a new account key, and the end of
// the account.
//
//	obtain <directory> <management of pebble-challtestsrv> <name>...
//
// Prints both chains, PEM, as JSON.
package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"time"

	"golang.org/x/crypto/acme"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, directory, management string, names []string) error {
	client := &acme.Client{Key: newKey(), DirectoryURL: directory}
	account := &acme.Account{Contact: []string{"mailto:ada@example.test"}}
	if _, err := client.Register(ctx, account, acme.AcceptTOS); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	var chains []string
	var last [][]byte
	for i := 0; i < 2; i++ {
		chain, err := obtain(ctx, client, management, names)
		if err != nil {
			return err
		}
		chains, last = append(chains, encode(chain)), chain
	}
	if err := client.RevokeCert(ctx, nil, last[0], acme.CRLReasonSuperseded); err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	if err := client.AccountKeyRollover(ctx, newKey()); err != nil {
		return fmt.Errorf("rollover: %w", err)
	}
	if err := client.DeactivateReg(ctx); err != nil {
		return fmt.Errorf("deactivate: %w", err)
	}
	return json.NewEncoder(os.Stdout).Encode(chains)
}

func obtain(ctx context.Context, client *acme.Client, management string, names []string) ([][]byte, error) {
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(names...))
	if err != nil {
		return nil, fmt.Errorf("order: %w", err)
	}
	for _, url := range order.AuthzURLs {
		if err := prove(ctx, client, management, url); err != nil {
			return nil, err
		}
	}
	// With Location on the answer to newOrder alone, WaitOrder works; CreateOrderCert wants it on that of finalize too.
	if order, err = client.WaitOrder(ctx, order.URI); err != nil {
		return nil, fmt.Errorf("wait: %w", err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: names}, newKey())
	if err != nil {
		return nil, err
	}
	chain, url, err := client.CreateOrderCert(ctx, order.FinalizeURL, csr, true)
	if err != nil {
		return nil, fmt.Errorf("finalize: %w", err)
	}
	if _, err := client.ListCertAlternates(ctx, url); err != nil {
		return nil, fmt.Errorf("alternates: %w", err)
	}
	return chain, nil
}

func prove(ctx context.Context, client *acme.Client, management, url string) error {
	authorization, err := client.GetAuthorization(ctx, url)
	if err != nil || authorization.Status == acme.StatusValid {
		return err
	}
	for _, challenge := range authorization.Challenges {
		if challenge.Type != "http-01" {
			continue
		}
		content, err := client.HTTP01ChallengeResponse(challenge.Token)
		if err != nil {
			return err
		}
		if err := tell(management, map[string]string{"token": challenge.Token, "content": content}); err != nil {
			return err
		}
		if _, err := client.Accept(ctx, challenge); err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		_, err = client.WaitAuthorization(ctx, url)
		return err
	}
	return fmt.Errorf("%s offers no http-01", url)
}

func tell(management string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	response, err := http.Post(management+"/add-http01", "application/json", bytes.NewReader(text))
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func encode(chain [][]byte) string {
	var text bytes.Buffer
	for _, der := range chain {
		_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	return text.String()
}
