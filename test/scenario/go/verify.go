// Verifies a chain and reads a CRL with Go's standard library alone.
//
//	go run verify.go -roots root.pem -chain leaf.pem -crl issuing.crl -host web.example.test
//
// Prints one line of JSON: the serial number of the leaf, and whether the CRL, signed by its issuer, has it.
package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	roots := flag.String("roots", "", "PEM file with the trust anchors")
	chain := flag.String("chain", "", "PEM file: the leaf, then its intermediates")
	crl := flag.String("crl", "", "DER file with the CRL of the leaf's issuer")
	host := flag.String("host", "", "name that the leaf must have")
	flag.Parse()
	if err := run(*roots, *chain, *crl, *host); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(rootsFile, chainFile, crlFile, host string) error {
	roots, err := readCertificates(rootsFile)
	if err != nil {
		return err
	}
	chain, err := readCertificates(chainFile)
	if err != nil {
		return err
	}
	leaf := chain[0]
	verified, err := leaf.Verify(x509.VerifyOptions{
		DNSName:       host,
		Roots:         pool(roots),
		Intermediates: pool(chain[1:]),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return err
	}
	revoked, number, err := inCRL(crlFile, leaf, verified[0][1])
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"serialNumber": fmt.Sprintf("%x", leaf.SerialNumber),
		"chainLength":  len(verified[0]),
		"ocsp":         leaf.OCSPServer,
		"crlNumber":    number,
		"revoked":      revoked,
	})
}

func inCRL(file string, leaf, issuer *x509.Certificate) (revoked bool, number string, err error) {
	der, err := os.ReadFile(file)
	if err != nil {
		return false, "", err
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return false, "", err
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return false, "", err
	}
	for _, entry := range list.RevokedCertificateEntries {
		if entry.SerialNumber.Cmp(leaf.SerialNumber) == 0 {
			revoked = true
		}
	}
	return revoked, list.Number.String(), nil
}

func readCertificates(file string) ([]*x509.Certificate, error) {
	rest, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var found []*x509.Certificate
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found = append(found, certificate)
	}
	if len(found) == 0 {
		return nil, errors.New(file + " holds no certificate")
	}
	return found, nil
}

func pool(certificates []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, certificate := range certificates {
		pool.AddCert(certificate)
	}
	return pool
}
