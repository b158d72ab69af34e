type Paint = (text: string) => string;

/** Colours of the terminal, handed in by the command; the identity where there are none. */
export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly green: Paint;
  readonly red: Paint;
  readonly yellow: Paint;
}

const same: Paint = (text) => text;

export const PLAIN: Style = { bold: same, dim: same, green: same, red: same, yellow: same };
