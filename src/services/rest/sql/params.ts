/** The bound values of one statement. Clients' text reaches SQL through here, or as a quoted identifier: never else. */
export class Params {
  readonly values: Array<string | null> = [];

  /** Its placeholder. Untyped: the column that it meets decides what it is. */
  add(value: string | null): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}
