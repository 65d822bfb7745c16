// Signs a CRL of as many entries as its argument says by Go's crypto/x509, and prints the milliseconds from the entries, in
// memory, to the DER, and the most megabytes that the process has held.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"os"
	"regexp"
	"strconv"
	"time"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	count, err := strconv.Atoi(os.Args[1])
	must(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	now := time.Now()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Bench"}, SubjectKeyId: []byte{1},
		NotBefore: now, NotAfter: now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageCRLSign,
		IsCA: true, BasicConstraintsValid: true,
	}
	entries := make([]x509.RevocationListEntry, count)
	serial := make([]byte, 20)
	for i := range entries {
		_, err := rand.Read(serial)
		must(err)
		serial[0] = serial[0]&0x3f | 0x40
		entries[i] = x509.RevocationListEntry{
			SerialNumber: new(big.Int).SetBytes(serial), RevocationTime: now, ReasonCode: 4,
		}
	}
	list := &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 7), RevokedCertificateEntries: entries,
	}
	start := time.Now()
	_, err = x509.CreateRevocationList(rand.Reader, list, authority, key)
	must(err)
	elapsed := time.Since(start)
	status, err := os.ReadFile("/proc/self/status")
	must(err)
	peak, err := strconv.Atoi(string(regexp.MustCompile(`VmHWM:\s+(\d+)`).FindSubmatch(status)[1]))
	must(err)
	fmt.Printf("%d %d\n", elapsed.Milliseconds(), peak/1024)
}
