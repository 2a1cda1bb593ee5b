"""The custom resources of ExaLB: fields, rules, reasons, and the definitions made from them. Pure."""
