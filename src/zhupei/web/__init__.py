"""Django furniture that every room uses: base templates, the gate, fields, paging, forms, helpers for views."""
