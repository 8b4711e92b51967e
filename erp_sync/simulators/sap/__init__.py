"""A simulated S/4HANA: one small plant in memory behind the published OData interfaces.

It holds to the published names, lengths and types, to the protocol and to a handful of business rules; it proves
nothing about a customer's authorisations, enhancements or message texts. Must not know: Django, the connector.
"""
