/** The bound values of one statement. Clients' text reaches SQL through here, or as a quoted identifier: never else. */
export class Params {
  readonly values: Array<string | null> = [];

  /** Its placeholder. Untyped: the column that it meets decides what it is. */
  add(value: string | null): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }

  /** As `add`, for a value that a statement needs in many places. */
  once(value: string): string {
    const at = this.values.indexOf(value);
    return at < 0 ? this.add(value) : `$${at + 1}`;
  }
}
