import fc from 'fast-check';

/**
 * Any text that is valid Unicode, ASCII (controls too) and the rest in equal shares.
 * fc.string({ unit: 'binary' }) says the same and takes seconds to set up.
 */
export const anyText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0x7f }),
      fc.integer({ min: 0x80, max: 0xd7ff }),
      fc.integer({ min: 0xe000, max: 0x10ffff }),
    ),
    {
      maxLength: 16,
    },
  )
  .map((codes) => String.fromCodePoint(...codes));
