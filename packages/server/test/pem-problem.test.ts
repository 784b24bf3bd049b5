import { equal, match } from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { rootCertificates } from "node:tls";
import { authorityProblem, certificateProblem, keyProblem } from "../src/config/pem-problem.ts";

const [CERTIFICATE = "", OTHER = ""] = rootCertificates;
const DAMAGED = CERTIFICATE.replace(/\n[^\n]+\n/, "\nAAAA\n");
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const KEY = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const LOCKED = privateKey
  .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "hunter2" })
  .toString();
/** Signed by itself, for "localhost", with its key; good for nothing but tests. */
const OWN = `-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUDRoJobW5MG1smdDoVT06pfjaoacwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTIwNTUyOVoYDzIxMjYxMDI4
MjA1NTI5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASEh7ygWnXS+dkSSRt0lIdpNnSntdKnqMTvXiysEtdYVwCR8AoOw45j
ElZxKJN2ObQmAUqJkJfsU5IztUBQHmmmo2kwZzAdBgNVHQ4EFgQUcSjkexk4vosw
Aqp2TUC7yCSNVfUwHwYDVR0jBBgwFoAUcSjkexk4voswAqp2TUC7yCSNVfUwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SAAwRQIgCRTTCm7qs8fPqy+QyHBEq51OdhD8HPldQ3sq3e4wJPYCIQCZTe58i53U
FLXJr9muMlioSo8J7/uM7hOyvRTKaJJ1Nw==
-----END CERTIFICATE-----`;
const OWN_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgT66MTiySqbpJC++Z
l7S8SJ2G/XVbBw8+Rq2aCQ/UdmmhRANCAASEh7ygWnXS+dkSSRt0lIdpNnSntdKn
qMTvXiysEtdYVwCR8AoOw45jElZxKJN2ObQmAUqJkJfsU5IztUBQHmmm
-----END PRIVATE KEY-----`;

test("of a bundle of authorities, one that can be read is enough", () => {
  equal(authorityProblem(CERTIFICATE), undefined);
  equal(authorityProblem(`# Two\n${CERTIFICATE}\n${OTHER.replaceAll("\n", "\r\n")}`), undefined);
  equal(authorityProblem(`${DAMAGED}\n${OTHER}`), undefined);
  match(authorityProblem(DAMAGED) ?? "", /^holds no certificate in PEM: [a-z0-9 ]+$/);
  for (const text of ["", "text", KEY])
    equal(authorityProblem(text), "holds no certificate in PEM");
});

test("a client's certificate and its key are what they should be, and belong together", () => {
  equal(certificateProblem(CERTIFICATE), undefined);
  equal(certificateProblem(OWN), undefined);
  equal(keyProblem(OWN_KEY, OWN), undefined);
  match(certificateProblem(DAMAGED) ?? "", /^holds no certificate in PEM: [a-z0-9 ]+$/);
  equal(keyProblem(KEY, undefined), undefined);
  equal(keyProblem(KEY, CERTIFICATE), "is not the key of the certificate");
  for (const text of [CERTIFICATE, LOCKED, "hunter2"]) {
    const problem = keyProblem(text, CERTIFICATE) ?? "";
    match(problem, /^holds no key in PEM without a passphrase: [a-z ]+$/);
    equal(problem.includes("hunter2"), false);
  }
});
