// Verifies chains with nothing but Go's crypto/x509. Each line of standard input: root, chain, CRLs, purpose
// (server or client), name ("" for none), separated by tabs. Each line of output: "ok", or the error.
package main

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
)

func blocks(path string) [][]byte {
	data, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	var out [][]byte
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		out = append(out, block.Bytes)
	}
	return out
}

func certificates(path string) []*x509.Certificate {
	var out []*x509.Certificate
	for _, der := range blocks(path) {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			panic(err)
		}
		out = append(out, certificate)
	}
	return out
}

func check(root, chain, crls, purpose, name string) error {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	anchors := certificates(root)
	roots.AddCert(anchors[0])
	sent := certificates(chain)
	for _, certificate := range sent[1:] {
		intermediates.AddCert(certificate)
	}
	usage := x509.ExtKeyUsageServerAuth
	if purpose == "client" {
		usage = x509.ExtKeyUsageClientAuth
	}
	options := x509.VerifyOptions{Roots: roots, Intermediates: intermediates, DNSName: name, KeyUsages: []x509.ExtKeyUsage{usage}}
	paths, err := sent[0].Verify(options)
	if err != nil {
		return err
	}
	// Go leaves CRLs to the caller: the signature, and whether a serial is listed.
	path := paths[0]
	for i, certificate := range path[:len(path)-1] {
		found := false
		for _, der := range blocks(crls) {
			list, err := x509.ParseRevocationList(der)
			if err != nil {
				return err
			}
			if !bytes.Equal(list.RawIssuer, certificate.RawIssuer) {
				continue
			}
			if err := list.CheckSignatureFrom(path[i+1]); err != nil {
				return err
			}
			found = true
			for _, entry := range list.RevokedCertificates {
				if entry.SerialNumber.Cmp(certificate.SerialNumber) == 0 {
					return fmt.Errorf("revoked")
				}
			}
		}
		if !found {
			return fmt.Errorf("no CRL of %s", certificate.Issuer)
		}
	}
	return nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		f := strings.Split(lines.Text(), "\t")
		if err := check(f[0], f[1], f[2], f[3], f[4]); err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("ok")
		}
	}
}
