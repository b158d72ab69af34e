/**
 * Keeps one of Node's warnings from a person's terminal: age takes X25519 from WebCrypto, which Node 20 and 22 call
 * experimental each time. There is nothing to do about it, and other warnings are shown as ever.
 */
export function hideKnownWarnings(): void {
  const shown = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name === 'ExperimentalWarning' && warning.message.includes('X25519')) return;
    for (const show of shown) show(warning);
  });
}
