/** TLS alerts (RFC 8446 §6.2) by number, and what each means to whoever connects. */
const ALERTS: Record<number, [name: string, meaning: string]> = {
  0: ['close_notify', 'the server closed the connection'],
  10: ['unexpected_message', 'the server did not expect that message'],
  20: ['bad_record_mac', 'a record did not decrypt'],
  40: ['handshake_failure', 'no common cipher or key type, or no client certificate was sent'],
  42: ['bad_certificate', 'the server does not accept the client certificate (Go servers say this of every reason)'],
  43: ['unsupported_certificate', 'the client certificate is not for this purpose: it may lack clientAuth'],
  44: ['certificate_revoked', 'the client certificate is revoked'],
  45: ['certificate_expired', 'the client certificate has expired, or the CRL that the server has'],
  46: ['certificate_unknown', 'the server does not accept the client certificate'],
  47: ['illegal_parameter', 'the server found a field out of range'],
  48: ['unknown_ca', 'the server does not trust the CA of the client certificate'],
  49: ['access_denied', 'the server refuses this client'],
  50: ['decode_error', 'the server could not decode a message'],
  51: ['decrypt_error', 'a signature did not verify at the server'],
  70: ['protocol_version', 'the server speaks none of the TLS versions offered'],
  71: ['insufficient_security', 'the server wants stronger ciphers'],
  80: ['internal_error', 'the server failed: its certificate or key may not load'],
  86: ['inappropriate_fallback', 'the server saw a fallback'],
  90: ['user_canceled', 'the server gave up'],
  109: ['missing_extension', 'the server misses an extension'],
  112: ['unrecognized_name', 'the server does not know the name asked for'],
  113: ['bad_certificate_status_response', 'the status response was not accepted'],
  116: ['certificate_required', 'the server demands a client certificate'],
  120: ['no_application_protocol', 'no common application protocol'],
};

/** `unknown_ca`, or `alert 99`. */
export function alertName(code: number): string {
  return ALERTS[code]?.[0] ?? `alert ${code}`;
}

/** What it says of why a connection was refused. */
export function alertMeaning(code: number): string {
  return ALERTS[code]?.[1] ?? 'an alert that is not known here';
}

/** The alert that an error of node:tls reports; undefined when it is none. */
export function alertOf(error: unknown): number | undefined {
  const text = String((error as { message?: unknown } | undefined)?.message ?? '');
  const number = /SSL alert number (\d{1,3})/.exec(text)?.[1];
  return number === undefined ? undefined : Number(number);
}
